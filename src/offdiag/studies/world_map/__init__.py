"""Study 4: a map that is never shown. Several studies of one world, one model family and one way to score."""
