"""What we advise. Stored predictions and recommendations come with their issues; serving reads models by run."""
