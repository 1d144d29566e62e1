"""Templates as they are written: errors in them, texts for translation, and the origins of rendered
text.
"""
