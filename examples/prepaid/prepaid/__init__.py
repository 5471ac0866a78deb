"""A prepaid account, declared: packs of credit, a weekly bonus, holds, and purchases that are charged back."""
