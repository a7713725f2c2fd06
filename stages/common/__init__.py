"""What every stage needs: commands, files, settings."""
