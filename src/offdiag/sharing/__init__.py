"""Sharing: a trained adapter with a card that says what it is, on the Hugging Face hub, if a person asks for it."""

from offdiag.sharing.adapter import Adapter, find_adapter
from offdiag.sharing.card import model_card
from offdiag.sharing.push import HubClient, push_adapter

__all__ = ["Adapter", "HubClient", "find_adapter", "model_card", "push_adapter"]
