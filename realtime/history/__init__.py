"""The past of a live document: any moment, what changed between two, who wrote what, and the way back."""
