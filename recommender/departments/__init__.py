"""Departments: gender × age group × garment family, from the feed by a table that a shop can override."""

from recommender.departments.codes import (
    AgeGroup,
    Department,
    Family,
    Gender,
    department_from_code,
    name_of,
)
from recommender.departments.table import DepartmentTable, Override

__all__ = [
    "AgeGroup",
    "Department",
    "DepartmentTable",
    "Family",
    "Gender",
    "Override",
    "department_from_code",
    "name_of",
]
