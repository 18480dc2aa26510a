"""Share a trained adapter with a model card on the Hugging Face hub, when a person asks for it."""

from offdiag.sharing.adapter import Adapter, find_adapter
from offdiag.sharing.card import model_card
from offdiag.sharing.push import HubClient, push_adapter

__all__ = ["Adapter", "HubClient", "find_adapter", "model_card", "push_adapter"]
