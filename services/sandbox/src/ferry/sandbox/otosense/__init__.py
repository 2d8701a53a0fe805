"""ADI OtoSense SMS, as its guide's chapter on connecting to the cloud has it."""
