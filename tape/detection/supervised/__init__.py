"""A supervised model: features of a trade, trees that XGBoost grew, and a severity."""
