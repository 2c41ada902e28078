"""Wikipedia's dumps and the program that extracts their text."""
