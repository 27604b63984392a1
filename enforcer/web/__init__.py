"""What the HTTP API and the operators' page share: who may call, requests, answers, problems."""
