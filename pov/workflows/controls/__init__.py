"""Controls of PCI DSS and SOC 2 that a proof of value touches, a module for each family."""
