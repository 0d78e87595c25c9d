"""What people see: templates, languages, sentences, the browser bundle. Knows no routes."""
