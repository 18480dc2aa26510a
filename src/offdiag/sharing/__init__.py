"""Share an adapter or a fine-tuned model with a model card on the Hugging Face hub, when a person asks for it."""

from offdiag.sharing.card import model_card
from offdiag.sharing.push import HubClient, push_training
from offdiag.sharing.training import SharedTraining, find_training

__all__ = ["HubClient", "SharedTraining", "find_training", "model_card", "push_training"]
