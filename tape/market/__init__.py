"""The exchange's day: clock, trading days, auctions, test issues."""
