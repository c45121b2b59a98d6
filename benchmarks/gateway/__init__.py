"""The LLM gateway beside others, in front of an upstream whose answers are canned."""
