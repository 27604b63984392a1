"""The HTTP API, independent of Azure Functions: who may, what is asked, what is done, what is answered."""
