"""A demo site's pretend people, shops and rooms. Only there with DEMO=1; production refuses to start with it."""
