"""Experiments, models and their aliases in MLflow. The only folder that imports mlflow, and only when it is called."""
