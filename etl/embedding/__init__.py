"""Texts become vectors and vectors become findable: the encoder and the two vector stores."""
