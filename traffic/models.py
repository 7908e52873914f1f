"""The feed has no tables of its own yet: it reads rooms."""
