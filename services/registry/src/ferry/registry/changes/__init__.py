"""What happens to a registered entity: update, retire."""
