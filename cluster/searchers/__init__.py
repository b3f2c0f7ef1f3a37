"""What proposes configurations: asked and told in plain Python, importing no Ray."""
