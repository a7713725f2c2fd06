"""What a task is made of: tables, texts, spans, answers, splits, scores."""
