"""What fine-tuning and answering share: the base model, prompts, packed rows, processes."""
