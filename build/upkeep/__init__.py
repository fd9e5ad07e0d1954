"""Looking after what was built: listing images, rebuilding them when that is due, removing what nobody owns."""
