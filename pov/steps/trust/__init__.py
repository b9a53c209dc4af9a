"""What the platform's own pages and APIs are trusted by: the bootstrap CA, certificates, passwords."""
