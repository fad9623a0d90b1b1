"""What outlasts a call: SQLite or PostgreSQL through SQLAlchemy, or memory."""
