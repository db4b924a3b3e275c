"""What runs Bookshelf on a laptop, with nothing installed but Python."""
