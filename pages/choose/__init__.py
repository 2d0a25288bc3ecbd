"""What makes an experiment: domains, shifts, uploads, backbone, method, budget, and the estimate of what it costs."""
