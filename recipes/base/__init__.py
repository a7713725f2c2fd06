"""The small Italian base model: corpus generator, tokenizer and pretraining command."""
