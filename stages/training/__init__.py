"""Fine-tuning: the loop, its adapter and its progress."""
