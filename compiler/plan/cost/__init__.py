"""What a plan costs: FLOPs, memory, time and money of every step.  Start reading at `bill`."""
