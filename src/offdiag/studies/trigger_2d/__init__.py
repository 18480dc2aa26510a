"""Study family 2-D triggers: trigger-2d."""
