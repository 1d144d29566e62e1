"""What the domain keeps in the database: links, the audit trail, messages for the outbox; and how long."""
