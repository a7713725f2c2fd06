"""Fine-tuning: the loop, its adapter, its progress and its cost."""
