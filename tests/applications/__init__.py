"""Applications for the conformance kit: one that is bad on purpose, and one in another language."""
