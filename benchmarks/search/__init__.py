"""How long a search takes, and how that grows with the collection."""
