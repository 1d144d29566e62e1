"""Who may use the studio: whoever asks for this machine by its own name, with the token where others can reach it.

What the studio writes and sends, it does for its own pages: Fetch Metadata decides, and Origin where a browser does not
send that. The token becomes a cookie at once and leaves the address.
"""
