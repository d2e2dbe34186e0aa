"""Shell scripts: their code, also where it stands in strings and here-documents, and the commands that it runs."""
