// Preloaded into child processes: the channel to the parent closes when the parent ends, also when it is killed.
process.once('disconnect', () => process.exit(0))
