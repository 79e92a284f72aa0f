"""Scripts that train for a few steps in a process of their own, and say what that took."""
