"""How well profiles find labelled anomalies, with settings that come from other days only."""
