"""What several tests use: tiny models, small studies, frames with known numbers."""
