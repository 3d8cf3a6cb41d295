"""Mixing laws: each mixer here is one equation for the loss of a target, fitted and minimised."""
