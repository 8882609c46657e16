"""Dedupe: which samples repeat another one."""
