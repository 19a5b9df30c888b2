"""What governance does when others record something."""
