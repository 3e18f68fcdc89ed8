"""How a message reaches people: any service that Apprise knows, and a signed webhook."""
