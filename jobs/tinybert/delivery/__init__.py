"""What is done with a trained model: exported, compared, asked."""
