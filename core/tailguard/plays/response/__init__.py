"""Play 5, response drill: what the log shows of drills and incidents. The protocol that runs them is `tailguard.response`."""
