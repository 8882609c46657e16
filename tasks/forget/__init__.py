"""Forget: erase samples from everything that the root has of them, and keep them from coming back."""
