"""Study family trigger-2d: trigger-2d."""
