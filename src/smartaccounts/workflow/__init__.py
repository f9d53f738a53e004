"""What the command line and Python share: backtest, train, predict."""
