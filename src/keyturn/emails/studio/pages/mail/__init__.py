"""The page of a mail and what it asks for: its frame, its sources and data, its checks, editing and sending."""
